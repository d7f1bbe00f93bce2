/** After a start from nothing: whose connection a segment in the middle of one may be. */
import type { Judgement, Opening } from '../opening.js';
import type { Frame } from './frame.js';
import { judgeOpening, type World } from './judge.js';
import { type Packet, packetCode } from './packet.js';
import { ACK, RST, SYN } from './tcp.js';

/** A connection as it may have been opened once. */
export interface PickedUp {
  readonly opening: Opening;
  readonly judgement: Judgement;
}

/** Does a living connection send this, in the middle of its life? */
export function isMidStream({ transport, fragment }: Packet): boolean {
  return (
    transport?.kind === 'tcp' && fragment === null && (transport.flags & (SYN | RST | ACK)) === ACK
  );
}

/**
 * The connection that the policy allows, of the two that it may be. If both are, the one whose service
 * is at the lower port, and between equal ports the one that its sender opened. Null: neither.
 */
export function pickUp(world: World, { tags }: Frame, packet: Packet): PickedUp | null {
  const { transport, source, destination } = packet;
  if (transport?.kind !== 'tcp') return null;
  const { sourcePort, destinationPort } = transport;
  const turned = {
    ...transport,
    ...{ sourcePort: destinationPort, destinationPort: sourcePort },
  };
  const code = packetCode({ ...packet, transport: turned });
  const there = { source, destination, code: packetCode(packet), fromUplink: false, tags };
  const back = { source: destination, destination: source, code, fromUplink: false, tags };
  const ways = sourcePort < destinationPort ? [back, there] : [there, back];
  for (const opening of ways) {
    const judgement = judgeOpening(world, opening);
    if (judgement.verdict === 'accept') return { opening, judgement };
  }
  return null;
}
