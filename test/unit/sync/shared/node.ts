/** A node of a pair as far as policies go: the real ones, over a kernel that is played. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Policies } from '../../../../src/control/daemon/policies.js';
import type { Installer, Prepared, Sets } from '../../../../src/control/dataplane/index.js';
import type { EventFields, EventKind } from '../../../../src/control/events.js';
import { GenerationStore, generationRecord } from '../../../../src/control/store/index.js';

// Nothing of this has to survive a power cut.
const DIRECTORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export const OPERATOR = { user: 'alice', uid: 0 };

/** The policy of that number; `port`: one that a host is bound to. */
export const textOf = (number: number, port?: string) =>
  'apiVersion: bridgewall/v1\nhosts:\n  h:\n    addresses: [192.0.2.1]\n' +
  (port === undefined ? '' : `    port: ${port}\n`) +
  `    in: {${1000 + number}/tcp: any}\n`;

/** What of the kernel outlives the daemon. */
class PlayedKernel {
  generation = 0;
  trial: { fallback: number; over: boolean } | null = null;
  /** Why nothing can be installed; null: it can. */
  refuses: string | null = null;

  current() {
    const { generation, trial } = this;
    const fallback = trial && { slot: 0, generation: trial.fallback };
    return { slot: 0, epoch: 0, generation, trial: fallback && { deadline: 0n, fallback } };
  }

  judging() {
    const { generation, trial } = this;
    return { slot: 0, generation: trial?.over ? trial.fallback : generation };
  }

  secondsLeft() {
    return this.trial?.over ? 0 : 1000;
  }

  prepare(plan: Prepared['plan'], generation: number): Prepared {
    const numbers = { ruleSlots: new Map(), groupBits: new Map() };
    return { ...numbers, plan, generation, freshRules: [], freshBits: [] };
  }

  async installInSlices(
    { generation }: Prepared,
    seconds: number | null,
    ready: (slot: number) => Promise<void>,
  ) {
    if (this.refuses !== null) throw new Error(this.refuses);
    await ready(0);
    const fallback = this.judging().generation;
    this.trial = seconds === null ? null : { fallback, over: false };
    this.generation = generation;
  }

  async retireInSlices() {}
  retire() {}
  async damaged() {
    return [];
  }

  confirm() {
    if (this.trial === null || this.trial.over) return false;
    this.trial = null;
    return true;
  }
}

export class PolicyNode {
  readonly name: string;
  readonly events: { kind: EventKind; fields: object }[] = [];
  /** Of roles. */
  epoch = 0;
  kernel = new PlayedKernel();
  #directory = mkdtempSync(join(DIRECTORY, 'bw-shared-'));
  #policies: Policies | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get policies(): Policies {
    return this.#policies!;
  }

  /** The daemon comes up. */
  async start(): Promise<void> {
    const emit = <K extends EventKind>(kind: K, fields: EventFields[K]) => {
      this.events.push({ kind, fields });
    };
    this.#policies = new Policies({
      store: await GenerationStore.open(this.#directory, generationRecord),
      installer: this.kernel as unknown as Installer,
      sets: { clear: async () => {}, fit: async () => {} } as unknown as Sets,
      ports: [{ name: `${this.name}-in`, side: 'inside' }],
      events: { emit },
      countCut: async () => 0,
      countCutIn: async () => 0,
      cutStates: () => {},
      trials: true,
      node: this.name,
      epoch: () => this.epoch,
      warn: () => {},
    });
    await this.#policies.restore();
  }

  async stop(): Promise<void> {
    await this.#policies?.close();
    this.#policies = null;
  }

  /** Nothing of the kernel is left. */
  boot(): void {
    this.kernel = new PlayedKernel();
  }

  /** Nothing of the disk is left. */
  wipe(): void {
    rmSync(this.#directory, { recursive: true });
    this.#directory = mkdtempSync(join(DIRECTORY, 'bw-shared-'));
  }

  async apply(number: number, confirmSeconds: number | null = null): Promise<void> {
    const source = { text: textOf(number), file: 'policy.yaml' };
    await this.policies.apply(source, OPERATOR, { confirmSeconds });
  }

  /** The time of a trial is over. */
  async trialOver(): Promise<void> {
    if (this.kernel.trial === null) return;
    this.kernel.trial.over = true;
    // Too late, which is when it is settled.
    await this.policies.confirm(OPERATOR).catch(() => {});
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true });
  }
}
