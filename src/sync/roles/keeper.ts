/**
 * Carries out what the machine decides: looks at every change and ten times a second, and writes the role
 * word. Before this node becomes active, whoever has to make ready does; then that one write, and
 * only then all that may take time.
 */
import type { Announcement } from './announcement.js';
import {
  type Decision,
  RoleMachine,
  type RoleOrder,
  RoleRefusal,
  type RoleSettings,
  type RoleState,
} from './machine.js';
import type { View } from './view.js';

const LOOK_MS = 100;
/** A node that was asked to yield waits for the other one so long. */
const YIELD_MS = 1500;

export interface RoleWordAccess {
  read(): View['word'];
  /** False: it is no longer what it was. */
  change(was: View['word'], to: View['word']): boolean;
}

export interface KeeperDeps {
  readonly settings: RoleSettings;
  /** The highest epoch that is known of. */
  readonly epoch: number;
  /** What the external manager said last; null: nothing, or there is none. */
  readonly order: RoleOrder | null;
  readonly word: RoleWordAccess;
  /** All but the word. */
  readonly look: () => Omit<View, 'word'>;
  readonly announce: (what: Pick<Announcement, 'ready' | 'fault' | 'yielding'>) => void;
  /** Tells the other node now, and not with the next probe; of a takeover, right behind that, the neighbours. */
  readonly kick: (takeover: boolean) => void;
  /** Right before the word says that this node is active. */
  readonly onTakeover: () => void;
  /** Right after it does, and again when another one was active as well and is no more. */
  readonly onActive: () => void;
  readonly onChange: (change: RoleChange) => void;
  /** The highest epoch that was heard of is another one: to be kept. */
  readonly onEpoch: (epoch: number) => void;
  /** This node should be active, were it its own to decide, or should no more; in words, or null. */
  readonly onAdvice: (why: string | null) => void;
}

export interface RoleChange {
  readonly from: RoleState;
  readonly to: RoleState;
  readonly epoch: number;
  readonly reason: string;
}

/** How it stands now. */
export interface RoleStatus {
  readonly state: RoleState;
  readonly epoch: number;
  readonly reason: string;
  /** ISO 8601: since when it is so. */
  readonly since: string;
}

export class RoleKeeper {
  readonly #deps: KeeperDeps;
  readonly #machine: RoleMachine;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();
  #decision: Decision;
  #since = new Date().toISOString();
  #kept: number;
  #advice: string | null = null;
  #closed = false;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#kept = deps.epoch;
    this.#machine = new RoleMachine(deps.settings, deps.epoch, deps.order);
    const view = this.#view();
    this.#decision = this.#machine.step(view);
    this.#carryOut(this.#decision, view.word);
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  get status(): RoleStatus {
    const { state, reason } = this.#decision;
    return { state, reason, epoch: this.#deps.word.read().epoch, since: this.#since };
  }

  /** Something has changed. */
  look(): void {
    if (this.#closed) return;
    const view = this.#view();
    this.#decision = this.#machine.step(view);
    this.#carryOut(this.#decision, view.word);
  }

  /** @throws RoleRefusal */
  takeOver(by: string, force = false): void {
    try {
      this.#machine.takeOver(this.#view(), by, force);
    } finally {
      this.look();
    }
  }

  /** Resolves when this node is active no more. @throws RoleRefusal */
  async yield(by: string): Promise<void> {
    this.#machine.yield(this.#view(), by);
    this.look();
    if (this.#decision.state !== 'active') return;
    this.#deps.kick(false);
    await this.#left();
    if (this.#decision.state === 'active') {
      throw new RoleRefusal('the other node does not take over; this one stays active');
    }
  }

  /** The role stays as it is. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#wake();
  }

  #left(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, YIELD_MS);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }

  #view(): View {
    return { ...this.#deps.look(), word: this.#deps.word.read() };
  }

  /** @param was the word that it was decided upon */
  #carryOut(decision: Decision, was: View['word']): void {
    const { state, reason, word, announce, from, advice, outlasted } = decision;
    const deps = this.#deps;
    deps.announce(announce);
    const turns = was.standby !== word.standby;
    if (turns && !word.standby) deps.onTakeover();
    // The packet path never makes itself active, and what it makes standby the next look will see.
    const turned = turns && deps.word.change(was, word);
    const risen = turned && !word.standby;
    const raised = !turns && was.epoch !== word.epoch && deps.word.change(was, word);
    // What is said of this node has changed, word or not.
    if (turned || raised || from !== null) deps.kick(risen);
    if (risen || outlasted) deps.onActive();
    if (from !== null) {
      this.#since = new Date().toISOString();
      deps.onChange({ from, to: state, epoch: deps.word.read().epoch, reason });
      if (state !== 'active') this.#wake();
    }
    if (this.#machine.highest !== this.#kept) {
      this.#kept = this.#machine.highest;
      deps.onEpoch(this.#kept);
    }
    if (advice !== this.#advice) {
      this.#advice = advice;
      deps.onAdvice(advice);
    }
  }
}
