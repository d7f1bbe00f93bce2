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
 * 4. An epoch belongs to one activation, and is above all that were heard of.
 * 5. Whoever did not look for a while has seen nothing be lost.
 */
import type { Announcement } from './announcement.js';
import { reasonToStandDown } from './stand-down.js';
import { reasonToTakeOver, type Wait } from './take-over.js';
import { Picture, type View } from './view.js';

export type RoleState = 'init' | 'joining' | 'standby' | 'active' | 'fault';

export interface RoleSettings {
  readonly priority: number;
  /** Whether this node's name comes before the other's. */
  readonly first: boolean;
  /** A node of higher priority takes over from one of lower that has nothing wrong with it. */
  readonly preempt: boolean;
  /** Whether somebody else decides: then only `takeover` and `yield` move it. */
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
}

/** What an operator asked for cannot be done; the message says why. */
export class RoleRefusal extends Error {
  override readonly name = 'RoleRefusal';
}

/** How long a node that yields waits for the other to take over. */
const YIELD_MS = 1000;

export class RoleMachine {
  readonly #settings: RoleSettings;
  readonly #wait: Wait;
  #state: RoleState = 'init';
  #reason = 'the daemon started';
  /** The highest that was ever heard of. */
  #highest: number;
  #yieldUntil = 0;
  /** What an operator asked for and the next look carries out. */
  #order: { readonly to: 'active' | 'standby'; readonly why: string } | null = null;

  /** @param highest the highest epoch that the store knows of */
  constructor(settings: RoleSettings, highest: number) {
    this.#settings = settings;
    this.#highest = highest;
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
    return this.#decision(picture, before);
  }

  /** An operator, or an external manager, wants this node to be active. @throws RoleRefusal */
  takeOver(view: View, by: string, force = false): void {
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
    this.#order = { to: 'active', why: `${by} asked for it` };
  }

  /** An operator, or an external manager, wants this node not to be active. @throws RoleRefusal */
  yield(view: View, by: string): void {
    const why = `${by} asked for it`;
    if (this.#settings.external) {
      this.#order = { to: 'standby', why };
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
      this.#to('active', 'it was active before the daemon started');
    }
  }

  #decide(picture: Picture): void {
    const { view } = picture;
    if (this.#order !== null) {
      this.#obey(this.#order, view);
      return;
    }
    const to = this.#state === 'active' ? 'standby' : 'active';
    const why = this.#settings.external ? null : this.#reasonFor(to, picture);
    if (why !== null) this.#to(to === 'active' ? to : this.#resting(view), why);
    else if (this.#state !== 'active') this.#rest(picture);
  }

  #reasonFor(to: 'active' | 'standby', picture: Picture): string | null {
    return to === 'active'
      ? reasonToTakeOver(picture, this.#settings, this.#wait)
      : reasonToStandDown(picture, this.#settings, this.#wait);
  }

  /** Which of the states that are not active it is now. */
  #rest({ view, peer }: Picture): void {
    const resting = this.#resting(view);
    const waits = this.#state === 'init' && peer === null && !this.#settings.external;
    if (waits && resting !== 'fault') return;
    this.#to(resting, restingReason(resting, view, this.#state));
  }

  #obey(order: { to: 'active' | 'standby'; why: string }, view: View): void {
    if (order.to === 'active' && this.#state !== 'active') this.#to('active', order.why);
    if (order.to === 'standby' && this.#state === 'active') {
      this.#to(this.#resting(view), order.why);
    }
  }

  /** What a node is that is not active. */
  #resting(view: View): RoleState {
    if (!view.links.uplink || !view.links.inside) return 'fault';
    return view.ready ? 'standby' : 'joining';
  }

  #to(state: RoleState, why: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#reason = why;
    this.#wait.since.clear();
    this.#yieldUntil = 0;
  }

  #decision({ view, links }: Picture, before: RoleState): Decision {
    const active = this.#state === 'active';
    const rises = active && view.word.standby;
    if (rises) this.#highest += 1;
    return {
      state: this.#state,
      reason: this.#reason,
      word: { standby: !active, epoch: rises ? this.#highest : view.word.epoch },
      announce: {
        ready: active || view.ready,
        fault: !links,
        yielding: active && view.now < this.#yieldUntil,
      },
      from: before === this.#state ? null : before,
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
