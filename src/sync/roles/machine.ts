/**
 * What a node of the pair is. A pure machine: it gets a view of one moment and says what the role word
 * shall be, and why; it does nothing itself, and knows no time but that of the view.
 *
 * What holds, as the property test has it (test/unit/sync/roles/pair.test.ts):
 * 1. Two nodes that are active and can make a loop (each hears the other on one segment at least) are not so
 *    for longer than one probe takes: the packet path of the lesser yields when it hears the better.
 * 2. Where a node could carry traffic, one is active: at once when the other one says that it is not, or is
 *    heard nowhere; a little later where one segment alone is in doubt.
 * 3. A node that has states to lose becomes active before they are here only when nobody else can.
 * 4. An epoch belongs to one activation, and is above all that were heard of. One that goes on while the other node
 *    is silent takes another one.
 * 5. Whoever did not look for a while has seen nothing be lost.
 */
import type { Announcement } from './announcement.js';
import { reasonToStandDown } from './stand-down.js';
import { ELECTION_MS, heldFor, noteTakeover, reasonToTakeOver, type Wait } from './take-over.js';
import { hearsBoth, NOW_MS, Picture, type View } from './view.js';

/** What an external manager wants of a node. */
export type RoleOrder = 'active' | 'standby';
export type RoleState = 'init' | 'joining' | 'standby' | 'active' | 'fault';

export interface RoleSettings {
  readonly priority: number;
  /** Whether this node's name comes before the other's. */
  readonly first: boolean;
  /** A node of higher priority takes over from one of lower that has nothing wrong with it. */
  readonly preempt: boolean;
  /**
   * Whether somebody else decides. Then `takeover` and `yield` move it, and what was asked for last holds: a
   * node that shall be active is so again when the other one, to which it had to yield, cannot go on.
   */
  readonly external: boolean;
}

/** What shall be, after one look. */
export interface Decision {
  readonly state: RoleState;
  /** Of the last change of state, in words. */
  readonly reason: string;
  /** What the role word shall say. */
  readonly word: { readonly standby: boolean; readonly epoch: number };
  readonly announce: Pick<Announcement, 'ready' | 'fault' | 'yielding'>;
  /** Not null: the state has just changed. */
  readonly from: RoleState | null;
  /** Why this node should be active, were it not for an external manager to decide; null: it should not. */
  readonly advice: string | null;
  /**
   * The other node was active beside this one, and is no more: what switches learned from it, or were told, has to be
   * told anew.
   */
  readonly outlasted: boolean;
}

/** What an operator asked for cannot be done; the message says why. */
export class RoleRefusal extends Error {
  override readonly name = 'RoleRefusal';
}

/** How long a node that yields waits for the other to take over. */
const YIELD_MS = 1000;
/** By then whoever was active before this node has heard that it is. */
const HANDED_OVER_MS = 200;
const WANTED = 'it is to be active, and no node was';

export class RoleMachine {
  readonly #settings: RoleSettings;
  readonly #wait: Wait;
  #state: RoleState = 'init';
  #reason = 'the daemon started';
  /** The highest that was ever heard of. */
  #highest: number;
  #yieldUntil = 0;
  /** With an external manager: it shall be active, as was asked for last. */
  #wanted: boolean;
  /** With an external manager: it shall not be any more, and waits for the other one; as who asked said. */
  #leaving: string | null = null;
  /** What an external manager wanted last. */
  #standing: RoleOrder | null;
  /** It leaves since it started, and has heard nobody yet. */
  #unmet = false;
  #advice: string | null = null;
  /** Since when it is active. */
  #activeAt = 0;
  /** The other node is, or was, active as well. */
  #beside = false;
  /** It was not heard on any segment, and may have been so meanwhile. */
  #missed = false;
  /** The highest epoch of the other node that this one has outlasted. */
  #outlasted = 0;
  /** Why the next look makes it active: an operator asked for that. */
  #order: string | null = null;
  /** The other node is silent, and frames have come in from both sides since. */
  #goesOn = false;

  /**
   * @param highest the highest epoch that the store knows of
   * @param order what the external manager said last; null: nothing
   */
  constructor(settings: RoleSettings, highest: number, order: RoleOrder | null = null) {
    // Who goes first is the manager's to say.
    this.#settings = settings.external ? { ...settings, preempt: false } : settings;
    this.#highest = highest;
    this.#wanted = order === 'active';
    this.#standing = order;
    this.#wait = {
      about: 'nobody',
      since: new Map(),
      quietAtLoss: { uplink: null, inside: null },
      cutOff: false,
    };
  }

  /** The highest epoch that was ever heard of: to be kept. */
  get highest(): number {
    return this.#highest;
  }

  get state(): RoleState {
    return this.#state;
  }

  /** One look. The word must be made so before the next one. */
  step(view: View): Decision {
    const picture = new Picture(view);
    const before = this.#state;
    this.#hear(view);
    this.#follow(picture);
    this.#decide(picture);
    this.#order = null;
    const outlasted = this.#outlasts(picture);
    return this.#decision(picture, before, outlasted, this.#goesAlone(picture));
  }

  /** An operator, or an external manager, wants this node to be active. @throws RoleRefusal */
  takeOver(view: View, by: string, force = false): void {
    this.#wanted = true;
    this.#standing = 'active';
    this.#leaving = null;
    this.#yieldUntil = 0;
    // Were it noted, and the other node took over before the next look, each would undo the other.
    if (this.#state === 'active' && !view.word.standby) return;
    const { links, peer, fresh } = new Picture(view);
    if (!links) throw new RoleRefusal(`the ${downSide(view)} side has no carrier`);
    const losing = peer !== null && !peer.standby && !view.ready;
    if (losing && !force && !this.#settings.external) {
      throw new RoleRefusal('the connections of the active node are not all known here yet');
    }
    const heard = fresh.uplink || fresh.inside || fresh.sync || peer !== null;
    if (!view.paired && view.strangers && !force && !heard) {
      throw new RoleRefusal('another node is there that this one shares no key with');
    }
    this.#order = `${by} asked for it`;
  }

  /** An operator, or an external manager, wants this node not to be active. @throws RoleRefusal */
  yield(view: View, by: string): void {
    if (this.#settings.external) {
      this.#wanted = false;
      this.#standing = 'standby';
      this.#order = null;
      // Said once more it is no later.
      if (this.#state !== 'active' || this.#leaving !== null) return;
      this.#leaving = `${by} asked for it`;
      this.#unmet = false;
      this.#yieldUntil = view.now + YIELD_MS;
      return;
    }
    if (this.#state !== 'active') throw new RoleRefusal(`this node is ${this.#state}, not active`);
    const { peer } = new Picture(view);
    if (peer === null) throw new RoleRefusal('no other node is heard');
    if (peer.fault) throw new RoleRefusal('a side of the other node has no carrier');
    if (!peer.attended) throw new RoleRefusal('the daemon of the other node does not run');
    if (!peer.ready) throw new RoleRefusal('the other node does not know all connections yet');
    this.#yieldUntil = view.now + YIELD_MS;
  }

  #hear(view: View): void {
    this.#highest = Math.max(this.#highest, view.word.epoch);
    for (const { said } of Object.values(view.paths)) {
      if (said !== null) this.#highest = Math.max(this.#highest, said.epoch);
    }
  }

  /** What the packet path did by itself, and what was there before this daemon. */
  #follow({ view }: Picture): void {
    if (this.#state === 'active' && view.word.standby) {
      this.#to(this.#resting(view), 'a better active node was heard on a segment');
    } else if (this.#state === 'init' && !view.word.standby) {
      this.#wanted = this.#standing !== 'standby';
      this.#to('active', 'it was active before the daemon started');
      if (this.#settings.external && !this.#wanted) this.#leaveFromStart(view);
    }
  }

  /** The order came while no daemon ran. */
  #leaveFromStart(view: View): void {
    this.#leaving = 'the manager asked for it before the daemon started';
    this.#yieldUntil = view.now + YIELD_MS;
    this.#unmet = true;
  }

  #decide(picture: Picture): void {
    const { view } = picture;
    this.#advice = null;
    if (this.#order !== null) {
      this.#to('active', this.#order);
      return;
    }
    if (this.#state === 'active') {
      const why = this.#reasonToLeave(picture);
      if (why !== null) this.#to(this.#resting(view), why);
      return;
    }
    const why = this.#reasonToRise(picture);
    const managed = this.#settings.external && !this.#wanted;
    if (why === null || managed) {
      this.#advice = why;
      this.#rest(picture);
      return;
    }
    noteTakeover(picture, this.#wait);
    this.#to('active', why);
  }

  /**
   * This active node goes on where the other one fell silent, for the first time since: that one may be cut off,
   * and active as well, one epoch up, without a connection of those that are opened here now. So this node goes up
   * by two, lest it yields when both meet again.
   */
  #goesAlone({ view, peer, met }: Picture): boolean {
    const before = this.#goesOn;
    const alone = this.#state === 'active' && !view.word.standby && peer === null && met;
    this.#goesOn = alone && (before || hearsBoth(view.quiet, NOW_MS));
    return this.#goesOn && !before;
  }

  #reasonToRise(picture: Picture): string | null {
    const why = reasonToTakeOver(picture, this.#settings, this.#wait);
    // Between a node that the manager wants and another there is no election.
    const wanted = this.#settings.external && this.#wanted;
    const none = wanted && picture.links && picture.peer?.standby === true;
    // What was said last may be older than what made this node stand down.
    const held = heldFor(this.#wait, 'wanted', none, ELECTION_MS, picture.view.now);
    return why ?? (held ? WANTED : null);
  }

  #reasonToLeave(picture: Picture): string | null {
    const { view, peer, rival, links } = picture;
    if (this.#leaving !== null) {
      // As long as the other one may be about to take over, frames pass here.
      this.#unmet &&= !picture.met;
      const follows = links && (this.#unmet || (peer?.attended && !peer.fault));
      if (!follows || view.now >= this.#yieldUntil) return this.#leaving;
    }
    // Of two that are active one must go, whoever wanted them so.
    const two = rival !== null || (peer !== null && !peer.standby);
    if (this.#settings.external && !two) return null;
    return reasonToStandDown(picture, this.#settings, this.#wait);
  }

  /** Which of the states that are not active it is now. */
  #rest({ view, peer }: Picture): void {
    const resting = this.#resting(view);
    const waits = this.#state === 'init' && peer === null && !this.#settings.external;
    if (waits && resting !== 'fault') return;
    this.#to(resting, restingReason(resting, view, this.#state));
  }

  /** What a node is that is not active. */
  #resting(view: View): RoleState {
    if (!view.links.uplink || !view.links.inside) return 'fault';
    return view.ready ? 'standby' : 'joining';
  }

  /**
   * Whether another active node has gone that was there while this one was. It may have been one for less than a
   * look: then its epoch tells, or that it comes back from where it was not heard.
   */
  #outlasts({ view, peer, fresh }: Picture): boolean {
    if (this.#state !== 'active' || view.word.standby) {
      this.#beside = false;
      this.#missed = false;
      this.#activeAt = view.now;
      return false;
    }
    const heard = fresh.uplink || fresh.inside;
    if (peer?.standby) {
      const after = peer.epoch > Math.max(view.word.epoch, this.#outlasted);
      const back = heard && this.#missed && peer.epoch > 0;
      this.#outlasted = Math.max(this.#outlasted, peer.epoch);
      this.#beside ||= after || back;
    } else if (peer !== null) {
      this.#beside ||= view.now - this.#activeAt > HANDED_OVER_MS;
    }
    this.#missed = !heard;
    const gone = this.#beside && (peer === null || peer.standby);
    if (gone) this.#beside = false;
    return gone;
  }

  #to(state: RoleState, why: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#reason = why;
    this.#wait.since.clear();
    this.#yieldUntil = 0;
    this.#leaving = null;
  }

  #decision(
    { view, links }: Picture,
    before: RoleState,
    outlasted: boolean,
    alone: boolean,
  ): Decision {
    const active = this.#state === 'active';
    const rises = active && view.word.standby;
    if (rises) this.#highest += 1;
    else if (alone) this.#highest += 2;
    return {
      state: this.#state,
      reason: this.#reason,
      word: { standby: !active, epoch: rises || alone ? this.#highest : view.word.epoch },
      announce: {
        ready: active || view.ready,
        fault: !links,
        yielding: active && view.now < this.#yieldUntil,
      },
      from: before === this.#state ? null : before,
      advice: this.#advice,
      outlasted,
    };
  }
}

function restingReason(to: RoleState, view: View, from: RoleState): string {
  if (to === 'fault') return `the ${downSide(view)} side has no carrier`;
  if (from === 'init') return 'another node is there';
  if (from === 'fault') return 'both sides have carrier again';
  return to === 'standby' ? 'all connections are known' : 'not all connections are known any more';
}

function downSide({ links }: View): string {
  return links.uplink ? 'inside' : 'uplink';
}
