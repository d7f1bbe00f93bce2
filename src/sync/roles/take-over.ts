/** Why a node that is not active should be. */
import { type Announcement, SEGMENTS, type Segment } from './announcement.js';
import type { RoleSettings } from './machine.js';
import { hearsBoth, LOST_MS, NOW_MS, type Picture, PROBE_MS } from './view.js';

/** What the machine remembers between looks. */
export interface Wait {
  /** What the other node is; another one is another story. */
  about: 'nobody' | 'standby' | 'active';
  /** Since when a condition holds, by its name. */
  readonly since: Map<string, number>;
  /** How quiet it was for the other node on a segment when that was heard there last. */
  readonly quietAtLoss: Record<Segment, number | null>;
  /**
   * It may well be this node that is cut off from both segments: it took over for want of probes there, or
   * stood down for want of traffic. Until it hears something again that is no reason to take over any more.
   */
  cutOff: boolean;
}

/** After a start, so long without a word from anybody means that nobody is there. */
const ALONE_MS = 3000;
/**
 * The daemon of the other one is there. Its probes will be as soon as both have a key, which they agree on
 * where they are connected; one of the keys here may be of long ago.
 */
const UNPROBED_MS = 15_000;
/** Nobody is active: the other one may be about to be. */
export const ELECTION_MS = 3 * PROBE_MS;
/** ... but should have been by now. */
const OVERDUE_MS = 1000;
/** Neither has the states: whoever is better goes first after all. */
const NEITHER_MS = 3000;
/** The active cannot go on, and the states are not here: they will not come any more. */
const HOPELESS_MS = 1000;
/** A segment with traffic is never as quiet for longer. */
const QUIET_MS = 1000;
/** A frame that came so long after the last probe came after the loss. */
const AFTER_MS = 2 * PROBE_MS;
/** One segment is lost; the other one bears witness. */
const ONE_SIDE_MS = 200;
/** All has been well for so long before a node of higher priority takes over. */
const PREEMPT_MS = 10_000;

/** Whether something has held without a break for so long. */
export function heldFor(
  { since }: Wait,
  what: string,
  holds: boolean,
  ms: number,
  now: number,
): boolean {
  if (!holds) {
    since.delete(what);
    return false;
  }
  const began = since.get(what) ?? now;
  since.set(what, began);
  return now - began >= ms;
}

/** In words; null: it waits. */
export function reasonToTakeOver(
  picture: Picture,
  settings: RoleSettings,
  wait: Wait,
): string | null {
  const { peer, links } = picture;
  noteTraffic(picture, wait);
  if (!links) return null;
  const about = peer === null ? 'nobody' : peer.standby ? 'standby' : 'active';
  if (about !== wait.about) wait.since.clear();
  wait.about = about;
  if (peer === null) return nobody(picture, wait);
  return peer.standby
    ? election(picture, peer, settings, wait)
    : succession(picture, peer, settings, wait, picture.view.now);
}

function nobody({ view, met }: Picture, wait: Wait): string | null {
  if (met) return 'the other node is silent';
  if (!view.paired && view.strangers) {
    wait.since.delete('alone');
    return null;
  }
  if (!heldFor(wait, 'alone', true, view.connected ? UNPROBED_MS : ALONE_MS, view.now)) return null;
  return view.connected ? 'no probe of the other node is heard' : 'no other node is there';
}

/** This node takes over, for a reason of its own. */
export function noteTakeover({ peer, apart }: Picture, wait: Wait): void {
  if (peer === null || peer.standby) return;
  for (const segment of SEGMENTS) wait.quietAtLoss[segment] = null;
  wait.cutOff = apart;
}

/** Neither is active. */
function election(
  { view }: Picture,
  peer: Announcement,
  settings: RoleSettings,
  wait: Wait,
): string | null {
  const { now, ready } = view;
  const held = (what: string, holds: boolean, ms: number) => heldFor(wait, what, holds, ms, now);
  const hopeless = held('hopeless', true, HOPELESS_MS);
  const overdue = held('overdue', true, OVERDUE_MS);
  if (peer.fault) return ready || hopeless ? 'a side of the other node has no carrier' : null;
  const better =
    ready !== peer.ready
      ? ready
      : settings.priority !== peer.priority
        ? settings.priority > peer.priority
        : settings.first;
  const first = better || !peer.attended || overdue;
  if (held('election', ready && first, ELECTION_MS)) return 'no node was active';
  const neither = !ready && !peer.ready;
  if (held('neither', neither && (better || !peer.attended), NEITHER_MS)) {
    return 'no node was active, and none knows all connections';
  }
  // The other one could, and does not.
  return held('never', true, 2 * NEITHER_MS) ? 'no node was active' : null;
}

/** The other one is active: is there anything wrong with it? */
function succession(
  picture: Picture,
  peer: Announcement,
  settings: RoleSettings,
  wait: Wait,
  now: number,
): string | null {
  const { view, apart } = picture;
  const why = trouble(picture, peer, wait);
  const hopeless = heldFor(wait, 'trouble', why !== null, HOPELESS_MS, now);
  if (why !== null && (view.ready || hopeless)) return why;
  // What this node sends arrives as well: or it would take over only to be found cut off.
  const hears = (segment: Segment) =>
    picture.fresh[segment] && (peer.hears[segment] || !peer.attended);
  const allWell = !apart && SEGMENTS.every(hears) && view.ready;
  const above = settings.preempt && settings.priority > peer.priority;
  return heldFor(wait, 'preempt', above && allWell, PREEMPT_MS, now)
    ? 'it has the higher priority'
    : null;
}

function trouble(picture: Picture, peer: Announcement, wait: Wait): string | null {
  const { view, apart, fresh } = picture;
  if (peer.yielding) return 'the other node yields';
  if (peer.fault) return 'a side of the other node has no carrier';
  // Both are lost, but for the sync link: it is cut off, or this node is. Who is cut off hears nothing; if that
  // is this node, taking over changes nothing, for nothing passes here.
  if (apart && !wait.cutOff && !hearsBoth(peer.quiet, NOW_MS)) {
    return 'the other node is silent on both segments';
  }
  for (const segment of SEGMENTS) {
    const deaf = fresh[segment] && peer.attended && !peer.hears[segment];
    const doubt = deaf || picture.lost(segment) || picture.unheard(segment);
    const cut = doubt && isCutOff(picture, peer, wait, segment);
    if (heldFor(wait, segment, cut, ONE_SIDE_MS, view.now)) {
      return `the other node is cut off on the ${segment} side`;
    }
  }
  return null;
}

/** Probes do not get through on a segment: is it the other node that is cut off there, not this one? */
function isCutOff(
  { view }: Picture,
  peer: Announcement,
  { quietAtLoss }: Wait,
  segment: Segment,
): boolean {
  const quiet = view.quiet[segment];
  const hears = quiet <= QUIET_MS;
  // What came in before the other node was lost says nothing of whose loss it is.
  const hearsOthers = hears && quiet + AFTER_MS <= view.paths[segment].silentFor;
  if (!peer.attended) return hearsOthers;
  // It hears us there, and we hear others there, but not it: what it sends is lost.
  if (peer.hears[segment]) return hearsOthers;
  if (peer.quiet[segment] <= QUIET_MS) return false;
  const before = quietAtLoss[segment];
  return hears || (before !== null && before <= QUIET_MS);
}

/** How it was before a segment was lost. */
function noteTraffic({ view, peer, fresh }: Picture, wait: Wait): void {
  const { quietAtLoss } = wait;
  if (fresh.uplink || fresh.inside || hearsBoth(view.quiet, NOW_MS)) wait.cutOff = false;
  if (peer === null || peer.standby || !peer.attended) return;
  for (const segment of SEGMENTS) {
    // The last of what was said before the loss may be as old as it takes to know of one.
    if (fresh[segment] && view.paths[segment].silentFor < LOST_MS / 2) {
      quietAtLoss[segment] = peer.quiet[segment];
    }
  }
}
