import { describe, expect, it } from 'vitest';
import { resolveNames } from '../../../../src/control/daemon/names.js';

const use = (name: string, line: number) => ({
  name,
  position: { file: 'p.yaml', line, column: 5 },
});

describe('resolveNames', () => {
  it('keeps addresses in a fixed order, each once', async () => {
    const answers = ['192.0.2.9', '2001:DB8::1', '192.0.2.1', '192.0.2.9'];
    const resolved = await resolveNames([use('a.example', 1)], async () => answers);
    expect(resolved.get('a.example')).toEqual(['192.0.2.1', '192.0.2.9', '2001:db8::1']);
  });

  it('fails at the place of the name', async () => {
    const missing = async () => {
      throw Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    };
    await expect(resolveNames([use('b.example', 7)], missing)).rejects.toMatchObject({
      code: 'unresolved',
      position: { line: 7 },
      message: expect.stringContaining('p.yaml:7:5: b.example cannot be resolved (no such name)'),
    });
    await expect(resolveNames([use('c.example', 8)], async () => [])).rejects.toThrow(
      /c\.example has no address/,
    );
  });
});
