/** Hosts that the policy binds to VLANs, a port or a MAC: what comes in their name from elsewhere. */
import { isBound } from '../bindings.js';
import type { Claim } from './claim.js';
import { type Frame, macText } from './frame.js';
import { isScreenedAnywhere, screenedHost, type World } from './judge.js';

/** Where a frame has come in. */
export interface Place {
  /** Name of the port. */
  readonly port: string | null;
  readonly fromUplink: boolean;
}

/** Why the frame cannot be of whom it says it is, or cannot know what it tells of others; null: it can. */
export function judgeBound(
  world: World,
  frame: Frame,
  place: Place,
): 'arp-guard' | 'nd-guard' | 'spoofed' | null {
  const { claim, packet } = frame;
  if (claim !== null && isAstray(world, frame, place, claim)) {
    return packet === null ? 'arp-guard' : 'nd-guard';
  }
  if (packet === null) return null;
  const source = { address: packet.source, mac: null };
  if (!isAstray(world, frame, place, source)) return null;
  return claim === null ? 'spoofed' : 'nd-guard';
}

function isAstray(
  world: World,
  { tags, sourceMac }: Frame,
  { port, fromUplink }: Place,
  { address, mac }: Claim,
): boolean {
  const host = screenedHost(world, address, tags);
  if (host === null) return isScreenedAnywhere(world, address);
  const { binding } = host;
  if (!isBound(binding)) return false;
  if (fromUplink) return true;
  if (binding.port !== null && binding.port !== port) return true;
  if (binding.mac === null) return false;
  const own = binding.mac.replaceAll(':', '');
  return macText(sourceMac) !== own || (mac !== null && macText(mac) !== own);
}
