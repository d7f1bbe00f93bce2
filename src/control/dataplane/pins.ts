/**
 * What is pinned for one node, under `<pins>/<node>/`: a set of maps and programs in set-TAG/, named
 * for the object that they came from, links/ and, made last, a directory that says which set is
 * complete and in force: complete-TAG. Without that directory the rest is the remains of a first
 * start that was killed: nothing of it was attached yet. An upgrade pins a second set beside the
 * first; renaming complete-OLD to complete-NEW puts it in force, and retire-OLD says that the old
 * one is to be emptied and removed. A first version had its maps/ and progs/ in the node's directory
 * itself. Another directory, bridge-<ifindex>, says that the bridge of that number was made for this
 * node.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { PinnedLinks } from './pinned-links.js';

const COMPLETE = 'complete-';
const RETIRE = 'retire-';
const SET = 'set-';
const BRIDGE = 'bridge-';
const KINDS = ['progs', 'maps'] as const;

/** Hooks of a port that a pinned link holds a program at. */
export const LINK_HOOKS = ['xdp', 'tcx', 'gate'] as const;
export type LinkHook = (typeof LINK_HOOKS)[number];

/** A name as bpffs takes it: it refuses dots. */
function pinName(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('.', '%2e');
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** Maps and programs that came from one object. */
export class PinnedSet {
  readonly directory: string;
  /** Of the object. */
  readonly tag: string;

  constructor(directory: string, tag: string) {
    this.directory = directory;
    this.tag = tag;
  }

  map(name: string): string {
    return join(this.directory, 'maps', pinName(name));
  }

  program(name: string): string {
    return join(this.directory, 'progs', pinName(name));
  }

  /** Makes the empty directories. */
  prepare(): void {
    for (const kind of KINDS) mkdirSync(join(this.directory, kind), { recursive: true });
  }

  /** Removes every pin of the set. */
  remove(): void {
    for (const kind of KINDS) {
      const directory = join(this.directory, kind);
      for (const name of namesIn(directory)) unlinkSync(join(directory, name));
      if (existsSync(directory)) rmdirSync(directory);
    }
    if (this.directory.endsWith(SET + this.tag) && existsSync(this.directory)) {
      rmdirSync(this.directory);
    }
  }
}

/** Pins of one node. */
export class PinSet {
  readonly directory: string;
  readonly opened = new PinnedLinks();

  constructor(pins: string, node: string) {
    this.directory = join(pins, pinName(node));
  }

  /** Path of a map of the set that is in force. */
  map(name: string): string {
    return this.inForce().map(name);
  }

  /** Path of a program of the set that is in force. */
  program(name: string): string {
    return this.inForce().program(name);
  }

  /** The set that is in force. */
  inForce(): PinnedSet {
    return this.set(this.completeTag() ?? '');
  }

  /** The set of an object, whether it is there or not. */
  set(tag: string): PinnedSet {
    const own = join(this.directory, SET + tag);
    const first = existsSync(join(this.directory, 'maps')) && !existsSync(own);
    const named = tag === this.completeTag() || this.#tagged(RETIRE).includes(tag);
    return new PinnedSet(first && named ? this.directory : own, tag);
  }

  /** The set that an upgrade left behind and that may still have something to hand over. */
  retiring(): PinnedSet | undefined {
    const complete = this.completeTag();
    const tag = this.#tagged(RETIRE).find((each) => each !== complete);
    return tag === undefined ? undefined : this.set(tag);
  }

  /** Sets of upgrades that were broken off before they were in force. */
  strays(): PinnedSet[] {
    const known = [this.completeTag(), this.retiring()?.tag];
    const tags = this.#tagged(SET).filter((tag) => !known.includes(tag));
    return tags.map((tag) => this.set(tag));
  }

  /** Link of a program at a port, by the port's number. */
  link(number: number, hook: LinkHook): string {
    return join(this.directory, 'links', `${hook}-${number}`);
  }

  /** Tag of the object that a complete set came from; undefined: there is no complete set. */
  completeTag(): string | undefined {
    return this.#tagged(COMPLETE)[0];
  }

  /** Link of a program that belongs to no port. */
  tracing(program: string): string {
    return join(this.directory, 'links', pinName(program));
  }

  /** Numbers of the ports that have a link pinned at this hook. */
  links(hook: LinkHook): number[] {
    const start = `${hook}-`;
    const names = namesIn(join(this.directory, 'links')).filter((name) => name.startsWith(start));
    return names.map((name) => Number(name.slice(start.length)));
  }

  /** Makes the empty directories of a set, and that of the links. */
  prepare(tag: string): PinnedSet {
    mkdirSync(join(this.directory, 'links'), { recursive: true });
    const set = this.set(tag);
    set.prepare();
    return set;
  }

  /** Says that everything is pinned; `tag` is plain hex. */
  complete(tag: string): void {
    mkdirSync(join(this.directory, COMPLETE + tag));
  }

  /** Puts another set in force, in one step. The one that was is `retiring` from then on. */
  succeed(from: string, to: string): void {
    mkdirSync(join(this.directory, RETIRE + from), { recursive: true });
    renameSync(join(this.directory, COMPLETE + from), join(this.directory, COMPLETE + to));
  }

  /** Removes the set that was in force before. */
  retired(set: PinnedSet): void {
    set.remove();
    rmdirSync(join(this.directory, RETIRE + set.tag));
  }

  /** Forgets a succession that did not come to be. */
  notRetiring(): void {
    const complete = this.completeTag();
    for (const tag of this.#tagged(RETIRE)) {
      if (tag === complete) rmdirSync(join(this.directory, RETIRE + tag));
    }
  }

  /** ifindexes of bridges that were made for this node. */
  madeBridges(): number[] {
    return this.#tagged(BRIDGE).map(Number);
  }

  /** Remembers that a bridge was made for this node. */
  noteBridge(ifindex: number): void {
    mkdirSync(join(this.directory, BRIDGE + ifindex), { recursive: true });
  }

  /** Removes every pin; the mark of completeness goes first. A missing set is no error. */
  remove(): void {
    if (!existsSync(this.directory)) return;
    for (const start of [COMPLETE, BRIDGE, RETIRE]) {
      for (const tag of this.#tagged(start)) rmdirSync(join(this.directory, start + tag));
    }
    const links = join(this.directory, 'links');
    for (const name of namesIn(links)) unlinkSync(join(links, name));
    if (existsSync(links)) rmdirSync(links);
    for (const tag of this.#tagged(SET)) {
      new PinnedSet(join(this.directory, SET + tag), tag).remove();
    }
    new PinnedSet(this.directory, '').remove();
    rmdirSync(this.directory);
  }

  /** What follows `start` in the names of the node's directory. */
  #tagged(start: string): string[] {
    const names = namesIn(this.directory).filter((name) => name.startsWith(start));
    return names.map((name) => name.slice(start.length));
  }
}
