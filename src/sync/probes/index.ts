export { AddressBook } from './address-book.js';
export { Agreement, pairingDefinition } from './agreement.js';
export { isPaired, type PairKeys } from './keys.js';
export { PairFile } from './pair-file.js';
export { Prober, type ProberView } from './prober.js';
export { nodeNumber } from './wire.js';
