/** Why an active node would rather not be one. */
import { outranks } from './announcement.js';
import type { RoleSettings } from './machine.js';
import { heldFor, type Wait } from './take-over.js';
import { hearsBoth, NOW_MS, type Picture, PROBE_MS } from './view.js';

/** A lesser rival that heard us would have yielded long since. */
const STUBBORN_MS = 6 * PROBE_MS;

const NO_TRAFFIC = 'the other node is active, and here is no traffic';

/** In words; null: it stays. */
export function reasonToStandDown(
  picture: Picture,
  settings: RoleSettings,
  wait: Wait,
): string | null {
  const { view, rival, peer, links } = picture;
  const self = { attended: true, epoch: view.word.epoch, priority: settings.priority };
  const better = rival !== null && outranks(rival, self, !settings.first);
  if (better) return 'the other node is active, and better';
  // It goes on as if it were alone: it does not hear us, and one of two must go.
  if (heldFor(wait, 'stubborn', rival !== null && !rival.fault, STUBBORN_MS, view.now)) {
    return 'the other node is active, and does not hear this one';
  }
  if (peer === null) return null;
  if (!links && peer.standby && peer.ready && !peer.fault && peer.attended) {
    return `the ${view.links.uplink ? 'inside' : 'uplink'} side has no carrier`;
  }
  if (rival !== null || peer.standby || peer.fault || !picture.fresh.sync) return null;
  const why = reasonBySync(picture, outranks(peer, self, !settings.first));
  wait.cutOff ||= why === NO_TRAFFIC;
  return why;
}

/**
 * Both are active and no segment carries probes: either one of them is cut off, or the segments do not let
 * probes pass, and there is a loop. Traffic tells: who is cut off has none.
 */
function reasonBySync({ view, peer }: Picture, better: boolean): string | null {
  if (peer === null || !hearsBoth(peer.quiet, NOW_MS)) return null;
  if (!hearsBoth(view.quiet, NOW_MS)) return NO_TRAFFIC;
  // It hears us, and what it sends is lost: then it is no loop, and nothing passes there.
  if (peer.hears.uplink || peer.hears.inside) return null;
  return better ? 'the other node is active, and better; no segment lets probes pass' : null;
}
