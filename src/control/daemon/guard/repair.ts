/** What was put right while the wall ran. */

/** Layers of the guard, outermost last; a repair mends them in this order. */
export type GuardedThing = 'table' | 'program' | 'port' | 'bridge' | 'detour';

/** One thing that somebody or something had changed, and that is as it must be again. */
export interface Repair {
  readonly thing: GuardedThing;
  /** The port or link it was about; '' when it was none. */
  readonly port: string;
  readonly what: string;
  /** Who did it, where the kernel tells: the name of a process. '' otherwise. */
  readonly by: string;
}

/** Where repairs are told. */
export type TellRepair = (repair: Repair) => void;
