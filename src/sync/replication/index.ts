/** Connections of one node, known to the other. */
export { replicationDefinition } from './definition.js';
export type { Repair } from './repair.js';
export { ChangeSink, type SinkCounts, type SinkRefusal } from './sink.js';
export { ChangeSource, FORMAT } from './source.js';
export type { ConnectionTable, RecordKind, Taken } from './table.js';
