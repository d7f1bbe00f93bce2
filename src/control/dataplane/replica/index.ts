/** Connections on their way between two nodes: everything that touches the kernel. */
export { adoptAll, type Birthday, birthdays, noteBirthday } from './adoption.js';
export {
  bornBefore,
  CHOICE_BYTES,
  type Choice,
  DIGEST_BYTES,
  type Digests,
  digestsOf,
  dropBuckets,
  forgetTouched,
  tellBuckets,
  tellChildren,
  tellMoved,
  touchedBuckets,
} from './buckets.js';
export { type ChangeBatch, ChangeReader, changesLost, type OnChanges } from './changes.js';
export { type Imported, importRecords, NOTHING } from './import.js';
export { CHANGE_KINDS, type ChangeKind, KINDS } from './records.js';
export { Replica } from './replica.js';
