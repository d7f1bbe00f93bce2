/** Random ICMP errors about the frames of conversations. */
import { ether, frame, icmp, icmp6, ipv4, ipv6 } from '../../packet/index.js';
import { type Arrival, type Conversation, nextFrame } from './frames.js';
import { INSIDES, PEERS_V4, PEERS_V6, SCREENABLE, UPLINKS } from './places.js';
import type { Random } from './random.js';

/** An error about a frame that the conversation may have seen: mostly to its sender, mostly from the way it went. */
export function errorFrame(random: Random, talk: Conversation): Arrival {
  const about = nextFrame(random, talk).frame;
  const packet = about.subarray(14 + 4 * talk.tags.length);
  const [sender, receiver] =
    about.subarray(6, 12).toString('hex') === talk.ends[0].mac.replaceAll(':', '')
      ? talk.ends
      : [talk.ends[1], talk.ends[0]];
  const to = random.oneIn(12) ? receiver : sender;
  const screened = random.pick(SCREENABLE);
  const v4 = random.pick([receiver.v4, ...PEERS_V4, random.oneIn(4) ? screened[0] : receiver.v4]);
  const v6 = random.pick([receiver.v6, ...PEERS_V6, random.oneIn(4) ? screened[1] : receiver.v6]);
  const tags = random.oneIn(20) ? [] : talk.tags;
  const length = random.weighted([
    [6, 548],
    [3, talk.family === 4 ? 28 : 48],
    [1, random.below(80)],
  ]);
  const layers =
    talk.family === 4
      ? [ipv4({ src: v4, dst: to.v4 }), icmp({ type: random.pick([3, 3, 3, 11, 12, 4, 5]) })]
      : [ipv6({ src: v6, dst: to.v6 }), icmp6({ type: random.pick([1, 2, 2, 3, 4, 0, 5]) })];
  const padding = random.oneIn(8) ? Buffer.alloc(random.between(1, 60)) : Buffer.alloc(0);
  return {
    port: random.oneIn(10) ? random.pick([...UPLINKS, ...INSIDES]) : receiver.port,
    frame: frame(
      ether({ src: receiver.mac, dst: sender.mac }),
      ...tags,
      ...layers,
      Buffer.concat([spoiled(random, packet.subarray(0, length)), padding]),
    ),
  };
}

/** Now and then a quoted header that is not what was sent. */
function spoiled(random: Random, packet: Buffer): Buffer {
  if (packet.length === 0 || !random.oneIn(10)) return packet;
  const bytes = Buffer.from(packet);
  bytes[random.below(Math.min(bytes.length, 60))] = random.below(256);
  return bytes;
}
