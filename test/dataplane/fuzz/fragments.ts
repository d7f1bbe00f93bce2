/** Random datagrams in fragments: as they ought to come, or not quite. */
import { piece } from '../../packet/index.js';
import { type Arrival, type Conversation, wholeFrame } from './frames.js';
import { INSIDES, UPLINKS } from './places.js';
import type { Random } from './random.js';

/** Few enough that datagrams share them. */
const IDS = [1, 2, 0x10001];

/** The fragments of a datagram of a conversation, in the order in which they arrive. */
export function fragmentsOf(random: Random, talk: Conversation): Arrival[] {
  const whole = wholeFrame(random, talk, random.between(20, 160));
  const id = random.pick(IDS);
  const size = 8 * random.between(3, 8);
  const count = Math.ceil((whole.frame.length - 34) / size);
  const arrivals = Array.from({ length: count }, (_, n): Arrival => {
    const crooked = random.oneIn(12) ? 8 * random.between(-2, 2) : 0;
    const length = size + (random.oneIn(15) ? random.between(-9, 9) : 0);
    return {
      port: random.oneIn(25) ? random.pick([...UPLINKS, ...INSIDES]) : whole.port,
      frame: piece(whole.frame, {
        offset: Math.max(0, n * size + crooked),
        length: Math.max(0, length),
        id: random.oneIn(25) ? random.pick(IDS) : id,
        ...(random.oneIn(15) ? { more: random.oneIn(2) } : {}),
      }),
    };
  });
  if (random.oneIn(3)) return arrivals;
  const other = () => random.below(arrivals.length);
  for (let times = random.between(0, 2); times > 0; times--) {
    const [from] = arrivals.splice(other(), 1);
    if (!random.oneIn(5) || arrivals.length === 0) arrivals.splice(random.below(count), 0, from!);
    if (random.oneIn(3)) arrivals.splice(other(), 0, from!);
  }
  return arrivals;
}
