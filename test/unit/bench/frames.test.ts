import { describe, expect, it } from 'vitest';
import { frameOf, isBack, OPENING, type Step, variation } from '../../../bench/frames.js';
import { strideOf } from '../../../bench/source.js';
import { ESTABLISHED_TCP, ESTABLISHED_UDP, OTHER_SHAPES, type Work } from '../../../bench/works.js';

const words = (x: number) => (x >>> 16) + (x & 0xffff);
const folded = (sum: number) => {
  let left = sum;
  while (left > 0xffff) left = words(left);
  return ~left & 0xffff;
};

/** The checksums that the source would write for the frame as it is. */
function sums({ shape, kind }: Work, step: Step) {
  const bytes = frameOf({ shape, kind }, step, 0);
  const v = variation(shape, step, bytes, 1);
  const l3 = shape.vlan === 0 ? 14 : 18;
  const l4 = l3 + (shape.family === 4 ? 20 : 40);
  const port = bytes.readUInt16BE(l4 + (isBack(step) ? 2 : 0));
  const ends = words(v.client) + words(v.server);
  return {
    ip: shape.family === 4 ? [folded(v.ipSum + ends), bytes.readUInt16BE(l3 + 10)] : [0, 0],
    l4: [folded(v.l4Sum + ends + port), bytes.readUInt16BE(l4 + (shape.proto === 'tcp' ? 16 : 6))],
  };
}

describe('what the source is told of a frame', () => {
  const works = [ESTABLISHED_TCP, ...OTHER_SHAPES].filter(({ shape }) => shape.proto === 'tcp');
  const six = { ...ESTABLISHED_UDP, shape: { ...ESTABLISHED_UDP.shape, family: 6 as const } };
  const steps = [...works, six].flatMap((work) =>
    OPENING[work.shape.proto].map((step): [string, Step, Work] => [work.name, step, work]),
  );

  it.each(steps)('gives %s, %s, the checksums that it has', (_, step, work) => {
    const { ip, l4 } = sums(work, step);
    expect(ip[0]).toBe(ip[1]);
    expect(l4[0]).toBe(l4[1]);
  });

  it('names client and server alike both ways', () => {
    const { shape } = ESTABLISHED_TCP;
    const of = (step: Step) => {
      const { client, server } = variation(shape, step, frameOf(ESTABLISHED_TCP, step, 3), 1);
      return { client, server };
    };
    expect(of('syn-ack')).toEqual(of('syn'));
  });
});

describe('strideOf', () => {
  it.each([1, 2, 10, 10_000, 200_000, 1_000_000])('leads through all of %i', (clients) => {
    const stride = strideOf(clients);
    const seen = new Uint8Array(clients);
    for (let i = 0; i < clients; i++) seen[(i * stride) % clients] = 1;
    expect(seen.every((one) => one === 1)).toBe(true);
  });
});
