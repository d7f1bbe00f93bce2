/** libbpf-ts: BPF objects, maps, programs and links for Node, over libbpf. */

export { readAddresses } from './addresses.js';
export { ANNOUNCEMENT_BYTES, type Announced, announce } from './announce.js';
export {
  Beacon,
  type BeaconActivity,
  type BeaconField,
  type BeaconFrame,
  type BeaconOptions,
  type BeaconSnapshot,
  type BeaconSpot,
  type BeaconUdp,
  MOST_MOVED,
} from './beacon.js';
export type {
  Btf,
  FieldLayout,
  FieldType,
  LoadedTypes,
  MapTypes,
  StructLayout,
} from './btf.js';
export { type Codec, codec } from './codec.js';
export { skbContext, xdpContext } from './contexts.js';
export {
  type CodedField,
  Conversion,
  type ConversionOptions,
  sameLayout,
  sizeOf,
  type TypeIn,
  type Types,
} from './conversion.js';
export { BpfError } from './error.js';
export type { LinkInfo, MapInfo, ProgramInfo, XdpMode } from './info.js';
export { changeInner, type InnerChange } from './inner-maps.js';
export { BpfLink } from './link.js';
export {
  BpfMap,
  type Carried,
  type CarryOptions,
  type Digest,
  type MapOptions,
  type MapSlice,
  NOWHERE,
  type UpdateFlag,
} from './map.js';
export { MapFlags, type MapTypeName } from './map-types.js';
export { BpfObject } from './object.js';
export { BpfPass, type Drained, type PassOptions, type SliceShape } from './pass.js';
export {
  BpfProgram,
  type TestRunOptions,
  type TestRunResult,
} from './program.js';
export { digestEach, newNumbers } from './records.js';
export { RingBuffers, type RingBuffersOptions, type SlabHandler } from './ring-buffers.js';
export {
  cpuCount,
  droppedDatagrams,
  jiffiesPerSecond,
  releaseFilePages,
  setSocketOption,
} from './system.js';
export { detachTc, queryTc, type TcDirection, type TcPlace } from './tc.js';
export { queryXdp } from './xdp.js';
