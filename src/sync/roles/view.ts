/** All that a node knows when it decides what it is: one moment, without a history. */
import { type Announcement, PATHS, type Path, SEGMENTS, type Segment } from './announcement.js';

/** The other node, as heard over one path. */
export interface PathView {
  /** It was heard there at some time since this daemon started. */
  readonly met: boolean;
  /**
   * Milliseconds since then, or since this node was itself asleep, whatever was later, at its prober's last look;
   * less than zero: it was heard after that.
   */
  readonly silentFor: number;
  /** What it said there last. */
  readonly said: Announcement | null;
}

export interface View {
  /** Milliseconds of a clock that never goes back. */
  readonly now: number;
  /** What the packet path goes by: it may have yielded by itself. */
  readonly word: { readonly standby: boolean; readonly epoch: number };
  /** Whether a port of that side has carrier. */
  readonly links: Readonly<Record<Segment, boolean>>;
  /** Milliseconds since a frame other than a probe came in from there. */
  readonly quiet: Readonly<Record<Segment, number>>;
  readonly paths: Readonly<Record<Path, PathView>>;
  /** The states of the pair are here: digests matched, and the lag is small. */
  readonly ready: boolean;
  /** There is a key that both nodes have agreed on. */
  readonly paired: boolean;
  /** Probes came that could not be checked, for want of a key. */
  readonly strangers: boolean;
  /** The daemons of both speak with each other over mTLS, whatever became of probes. */
  readonly connected: boolean;
}

/** Probes are sent so often. */
export const PROBE_MS = 10;
/** Without a word for so long, a path is lost. */
export const LOST_MS = 40;
/** Frames that came in no longer ago count as traffic of now. */
export const NOW_MS = 3 * PROBE_MS;
/** After a start, so long without a word is none to come. */
const UNHEARD_MS = 1000;

/** The same, read by the machine. */
export class Picture {
  readonly view: View;
  readonly fresh: Readonly<Record<Path, boolean>>;
  /** What the other node said last over a path that is not lost; null: it is silent everywhere. */
  readonly peer: Announcement | null;

  constructor(view: View) {
    this.view = view;
    const fresh = (path: Path) => view.paths[path].met && view.paths[path].silentFor <= LOST_MS;
    this.fresh = { uplink: fresh('uplink'), inside: fresh('inside'), sync: fresh('sync') };
    this.peer = this.#last((path) => this.fresh[path]);
  }

  get links(): boolean {
    return this.view.links.uplink && this.view.links.inside;
  }

  /** The other node was heard at some time. */
  get met(): boolean {
    return PATHS.some((path) => this.view.paths[path].met);
  }

  lost(segment: Segment): boolean {
    return this.view.paths[segment].met && !this.fresh[segment];
  }

  /** It never was heard there, and should have been by now: this daemon may have started after the loss. */
  unheard(segment: Segment): boolean {
    const { met, silentFor } = this.view.paths[segment];
    return !met && silentFor > UNHEARD_MS;
  }

  /** Neither segment carries probes any more, though both did. */
  get apart(): boolean {
    return this.lost('uplink') && this.lost('inside');
  }

  /** The other node, if a segment that is not lost says that it is active. */
  get rival(): Announcement | null {
    const rival = this.#last((path) => path !== 'sync' && this.fresh[path]);
    return rival === null || rival.standby ? null : rival;
  }

  #last(where: (path: Path) => boolean): Announcement | null {
    let last: PathView | null = null;
    for (const path of PATHS) {
      const view = this.view.paths[path];
      if (view.said === null || !where(path)) continue;
      if (last === null || view.silentFor < last.silentFor) last = view;
    }
    return last?.said ?? null;
  }
}

/** Frames come in from both segments, or did within so many milliseconds. */
export function hearsBoth(quiet: Readonly<Record<Segment, number>>, within: number): boolean {
  return SEGMENTS.every((segment) => quiet[segment] <= within);
}
