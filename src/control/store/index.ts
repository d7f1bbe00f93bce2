export { writeAtomic } from './atomic-file.js';
export { StoreError, type StoreErrorCode } from './errors.js';
export { type GenerationRecord, generationRecord } from './generation-record.js';
export { GenerationStore, KEPT_GENERATIONS } from './generation-store.js';
