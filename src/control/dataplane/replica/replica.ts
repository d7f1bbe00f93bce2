/** The table of connections as replication sees it: batches of opaque records, and passes over them. */
import type { Cell } from '../cell.js';
import type { Dataplane } from '../object.js';
import { Role } from '../role.js';
import { adoptAll, type Birthday, birthdays, noteBirthday } from './adoption.js';
import {
  bornBefore,
  type Choice,
  type Digests,
  digestsOf,
  dropBuckets,
  forgetTouched,
  tellBuckets,
  tellChildren,
  tellMoved,
  touchedBuckets,
} from './buckets.js';
import { ChangeReader, changesLost, type OnChanges } from './changes.js';
import { type Imported, importRecords } from './import.js';
import { type ChangeKind, KINDS } from './records.js';

export class Replica {
  readonly #dataplane: Dataplane;
  readonly #role: Role;
  /** Passes share what they write in the kernel: one at a time. */
  #passes: Promise<unknown> = Promise.resolve();

  constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane;
    this.#role = new Role(dataplane);
  }

  get role(): { readonly active: boolean; readonly epoch: number } {
    const { standby, epoch } = this.#role.read();
    return { active: !standby, epoch };
  }

  /** See {@link Role.replicate}. */
  replicate(): void {
    this.#role.replicate();
  }

  /** Milliseconds of the kernel's clock. */
  now(): number {
    return this.#ms(this.#dataplane.clock.now());
  }

  readChanges(onChanges: OnChanges): { close(): void } {
    return new ChangeReader(this.#dataplane, onChanges);
  }

  /** Records that found no room on their way out of the kernel. */
  get lost(): number {
    return changesLost(this.#dataplane);
  }

  isWhole(kind: ChangeKind, records: Uint8Array): boolean {
    return records.length % KINDS[kind].size === 0;
  }

  take(kind: ChangeKind, epoch: number, records: Uint8Array): Imported {
    return importRecords(this.#dataplane, kind, epoch, records);
  }

  /** All that began so many seconds ago, by the epoch of now. */
  bornBefore(seconds: number): bigint {
    return bornBefore(this.#dataplane, this.role.epoch, seconds);
  }

  digests(until: bigint): Promise<Digests> {
    return this.#alone(() => digestsOf(this.#dataplane, until));
  }

  /** Records of kind `states`; `until` and `buckets` choose. */
  tell(choice: Choice): AsyncGenerator<Buffer> {
    return this.#inTurn(() => tellBuckets(this.#dataplane, choice));
  }

  /** Records of kind `children`, all of them. */
  tellChildren(): AsyncGenerator<Buffer> {
    return this.#inTurn(() => tellChildren(this.#dataplane));
  }

  /** Records of kind `states`: of those with a packet since then, as `now` counts. */
  tellMoved(sinceMs: number): AsyncGenerator<Buffer> {
    const { hz } = this.#dataplane.clock;
    const since = BigInt(Math.max(1, Math.floor((sinceMs * hz) / 1000)));
    return this.#inTurn(() => tellMoved(this.#dataplane, this.bornBefore(0), since));
  }

  drop(choice: Choice): Promise<number> {
    return this.#alone(() => dropBuckets(this.#dataplane, choice));
  }

  touched(until: bigint): Uint8Array {
    return touchedBuckets(this.#dataplane, until);
  }

  forgetTouched(): void {
    forgetTouched(this.#dataplane);
  }

  /** See {@link adoptAll}. @param knownUntilMs as `now` counts */
  adopt(cell: Cell, knownUntilMs: number): void {
    adoptAll(this.#dataplane, cell, this.#jiffies(Math.max(0, knownUntilMs)));
  }

  /** Offsets of epochs in milliseconds, this node's own among them. */
  birthdays(): { epoch: number; offsetMs: number }[] {
    return birthdays(this.#dataplane).map(({ epoch, offset }) => ({
      epoch,
      offsetMs: this.#ms(offset),
    }));
  }

  noteBirthday(epoch: number, offsetMs: number): void {
    const note: Birthday = { epoch, offset: this.#jiffies(offsetMs) };
    noteBirthday(this.#dataplane, note);
  }

  #ms(jiffies: bigint): number {
    return (Number(jiffies) * 1000) / this.#dataplane.clock.hz;
  }

  #jiffies(ms: number): bigint {
    return BigInt(Math.round((ms * this.#dataplane.clock.hz) / 1000));
  }

  #alone<T>(pass: () => Promise<T>): Promise<T> {
    const run = this.#passes.then(pass, pass);
    this.#passes = run.catch(() => {});
    return run;
  }

  async *#inTurn(pass: () => AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    let done = () => {};
    const before = this.#passes;
    this.#passes = new Promise<void>((resolve) => {
      done = resolve;
    });
    await before;
    try {
      yield* pass();
    } finally {
      done();
    }
  }
}
