import { expect, it } from 'vitest';
import { Links } from '../../../../src/control/bridge/index.js';

it('one socket lists for many at once: the kernel does one dump of a socket at a time', async () => {
  const links = new Links();
  try {
    const lists = await Promise.all(Array.from({ length: 50 }, () => links.list()));
    expect(lists.every((list) => list.some(({ name }) => name === 'lo'))).toBe(true);
  } finally {
    links.close();
  }
});
