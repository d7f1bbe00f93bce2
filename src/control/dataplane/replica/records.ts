/** Records of changes, as batches of one kind: what they are called, and how large one is. */
import * as layouts from '../../../generated/layouts.js';

const { ChangeKindOf } = layouts;

/**
 * A kind of record: for whose sake a connection is accepted; connections that are there (of IPv4, of either
 * family), and that are over.
 */
export type ChangeKind = 'children' | 'states4' | 'states' | 'ends4' | 'ends';

interface Kind {
  /** enum change_kind_of */
  readonly number: number;
  /** Bytes of a record. */
  readonly size: number;
  /** The ring buffer that they come from. */
  readonly ring:
    | 'changed_children'
    | 'changed_states4'
    | 'changed_states'
    | 'ended_states4'
    | 'ended_states';
}

export const KINDS: Readonly<Record<ChangeKind, Kind>> = {
  children: {
    number: ChangeKindOf.CHILD,
    size: layouts.childChange.size,
    ring: 'changed_children',
  },
  states4: {
    number: ChangeKindOf.STATE4,
    size: layouts.change4.size,
    ring: 'changed_states4',
  },
  states: { number: ChangeKindOf.STATE, size: layouts.change.size, ring: 'changed_states' },
  ends4: { number: ChangeKindOf.END4, size: layouts.end4.size, ring: 'ended_states4' },
  ends: { number: ChangeKindOf.END, size: layouts.end.size, ring: 'ended_states' },
};

export const CHANGE_KINDS = Object.keys(KINDS) as ChangeKind[];
