/**
 * What is pinned for one node, under `<pins>/<node>/`: maps/, progs/, links/ and, made last, a
 * directory that says the set is complete and which object it came from. Without that directory the
 * rest is the remains of a first start that was killed: nothing of it was attached yet. Another
 * directory, bridge-<ifindex>, says that the bridge of that number was made for this node.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

const COMPLETE = 'complete-';
const BRIDGE = 'bridge-';

/** Hooks of a port that a pinned link holds a program at. */
export const LINK_HOOKS = ['xdp', 'tcx', 'gate'] as const;
export type LinkHook = (typeof LINK_HOOKS)[number];

/** A name as bpffs takes it: it refuses dots. */
function pinName(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('.', '%2e');
}

/** Pins of one node. */
export class PinSet {
  readonly directory: string;

  constructor(pins: string, node: string) {
    this.directory = join(pins, pinName(node));
  }

  map(name: string): string {
    return join(this.directory, 'maps', pinName(name));
  }

  program(name: string): string {
    return join(this.directory, 'progs', pinName(name));
  }

  /** Link of a program at a port, by the port's number. */
  link(number: number, hook: LinkHook): string {
    return join(this.directory, 'links', `${hook}-${number}`);
  }

  /** Tag of the object that a complete set came from; undefined: there is no complete set. */
  completeTag(): string | undefined {
    if (!existsSync(this.directory)) return undefined;
    return readdirSync(this.directory)
      .find((name) => name.startsWith(COMPLETE))
      ?.slice(COMPLETE.length);
  }

  /** Link of a program that belongs to no port. */
  tracing(program: string): string {
    return join(this.directory, 'links', pinName(program));
  }

  /** Numbers of the ports that have a link pinned at this hook. */
  links(hook: LinkHook): number[] {
    const start = `${hook}-`;
    const names = this.#names('links').filter((name) => name.startsWith(start));
    return names.map((name) => Number(name.slice(start.length)));
  }

  /** Makes the empty directories. */
  prepare(): void {
    for (const kind of ['maps', 'progs', 'links']) {
      mkdirSync(join(this.directory, kind), { recursive: true });
    }
  }

  /** Says that everything is pinned; `tag` is plain hex. */
  complete(tag: string): void {
    mkdirSync(join(this.directory, COMPLETE + tag));
  }

  /** ifindexes of bridges that were made for this node. */
  madeBridges(): number[] {
    if (!existsSync(this.directory)) return [];
    const names = readdirSync(this.directory).filter((name) => name.startsWith(BRIDGE));
    return names.map((name) => Number(name.slice(BRIDGE.length)));
  }

  /** Remembers that a bridge was made for this node. */
  noteBridge(ifindex: number): void {
    mkdirSync(join(this.directory, BRIDGE + ifindex), { recursive: true });
  }

  /** Removes every pin; the mark of completeness goes first. A missing set is no error. */
  remove(): void {
    if (!existsSync(this.directory)) return;
    for (const start of [COMPLETE, BRIDGE]) {
      for (const name of readdirSync(this.directory)) {
        if (name.startsWith(start)) rmdirSync(join(this.directory, name));
      }
    }
    for (const kind of ['links', 'progs', 'maps']) {
      for (const name of this.#names(kind)) unlinkSync(join(this.directory, kind, name));
      if (existsSync(join(this.directory, kind))) rmdirSync(join(this.directory, kind));
    }
    rmdirSync(this.directory);
  }

  #names(kind: string): string[] {
    const directory = join(this.directory, kind);
    return existsSync(directory) ? readdirSync(directory) : [];
  }
}
