import { describe, expect, it } from 'vitest';
import { allAttempts, attemptSpec, type Judged, judge } from '../../../src/lab/judge.js';
import {
  aquilantePicture,
  COLOUR,
  shortProbes,
  slideCell,
  slidePicture,
} from '../../../src/lab/picture.js';

/** What a perfect wall would give; `spoil` changes the drops and answers of some attempts. */
function perfect(spoil: (judged: Judged) => boolean = () => false): Judged[] {
  return allAttempts().map((attempt, i) => {
    const spec = attemptSpec(attempt, 10_000 + i);
    const open = attempt.expected === 'open';
    const drop = {
      reason: attempt.expected,
      proto: 'tcp',
      src: spec.source,
      sport: spec.sourcePort,
      dst: spec.destination,
      dport: spec.port,
    };
    const answered = { outcome: 'answered', detail: '' } as const;
    const silent = { outcome: 'silent', detail: '' } as const;
    const good = judge({
      attempt,
      spec,
      result: open ? answered : silent,
      drops: open ? [] : [drop],
    });
    if (!spoil(good)) return good;
    return judge({ attempt, spec, result: open ? silent : answered, drops: [] });
  });
}

function row(picture: string, title: string): string[] {
  const line = picture.split('\n').find((l) => l.startsWith(`│ ${title} `)) ?? '';
  return line.split('│').map((cell) => cell.trim());
}

describe('the picture of the matrix', () => {
  it('repeats the slide when everything is as it should be', () => {
    const picture = slidePicture(perfect());
    expect(picture).not.toContain('✗');
    expect(row(picture, 'Extranet').slice(2, 9)).toEqual([
      '',
      'allow ✓',
      'allow ✓',
      'allow ✓',
      'limited ✓',
      'block ✓',
      'NA ✓',
    ]);
    expect(row(picture, 'MAIL').slice(2, 9)).toEqual([
      'allow ✓',
      'allow ✓',
      '',
      'block ✓',
      'allow ✓',
      'allow ✓',
      'allow ✓',
    ]);
    const widths = new Set(picture.split('\n').map((line) => line.length));
    expect(widths.size).toBe(1);
  });

  it('shows a cell that opened, and what was wanted', () => {
    const opened = perfect(
      ({ tried: { attempt } }) => attempt.from === 'www' && attempt.to === 'mbox',
    );
    const picture = slidePicture(opened);
    expect(row(picture, 'WWW')[7]).toBe('allow ✗');
    expect(picture).toContain('want block');
    expect(picture.match(/✗/g)).toHaveLength(1);
  });

  it('marks a cell whose word is right but one of whose connections went wrong', () => {
    const half = perfect(
      ({ tried: { attempt } }) =>
        attempt.from === 'mail' &&
        attempt.to === 'dns' &&
        attempt.probe === '53/udp' &&
        attempt.family === 6,
    );
    expect(row(slidePicture(half), 'MAIL')[3]).toBe('allow ✗');
  });

  it('does not take a cell that nobody tried for right', () => {
    expect(slideCell([], 'block', [['www', 'mbox']]).ok).toBe(false);
  });

  it('takes "limited" for open to all when a stranger gets in', () => {
    const strangers = perfect(
      ({ tried: { attempt } }) => attempt.from === 'extranet' && attempt.to === 'auth',
    );
    expect(row(slidePicture(strangers), 'Extranet')[6]).toBe('allow ✗');
  });

  it('draws aquilante line by line', () => {
    const picture = aquilantePicture(perfect(), 'in');
    expect(row(picture, '25/tcp    any')[2]).toBe('open ✓');
    expect(row(picture, '22/tcp    mgmt').slice(2, 7)).toEqual([
      '- ✓',
      '- ✓',
      '- ✓',
      'open ✓',
      '- ✓',
    ]);
    expect(aquilantePicture(perfect(), 'out')).not.toContain('✗');
  });

  it('paints without changing a letter', () => {
    const painted = slidePicture(perfect(), COLOUR);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    expect(painted.replace(/\x1b\[[0-9;]*m/g, '')).toBe(slidePicture(perfect()));
  });

  it('names ports shortly', () => {
    expect(shortProbes(['ping', '53/udp', '53/tcp', '22/tcp'])).toBe('22 53 ping');
    expect(shortProbes([])).toBe('');
  });
});
