export { ADDRESS_BYTES, announcements, announcementsOf, packAddresses } from './announcements.js';
export {
  attachAll,
  attachedMode,
  attachTracing,
  detachLinks,
  detachPort,
  detachTcProgram,
  type KeepDeps,
  keepAttached,
  pinnedTcProgram,
  tcProgramId,
  tellFrags,
} from './attach.js';
export { Cell } from './cell.js';
export {
  learnedCount,
  lostEvents,
  noCounts,
  portCounts,
  type RuleCount,
  ruleCounts,
  sumCounts,
} from './counters.js';
export { type DetourPlace, openDetour } from './detour.js';
export { DataplaneError, type DataplaneErrorCode } from './errors.js';
export { type DropsEvent, readEvents, type WallEvent } from './events.js';
export { explainFrame } from './explain.js';
export { type FrameSpec, Protocol } from './frame.js';
export { type Current, Installer, type Prepared, type Trial } from './install.js';
export {
  addressAt,
  BATCH,
  type BatchResult,
  batches,
  type Change,
  countOf,
  type PackedAddresses,
  type PackedMembers,
} from './member-batch.js';
export { Mirror, type PortFacts } from './mirror.js';
export {
  type AttachMode,
  type AttachWish,
  type FragSupport,
  fragsTrouble,
  type ModeReason,
  UNKNOWN_FRAGS,
} from './mode.js';
export { NO_POLICY_NUMBERS, type Numbering } from './numbering.js';
export { Dataplane } from './object.js';
export { type HeardOnSide, PairMap, type PairSettings, trafficCounters } from './pair.js';
export { PinSet } from './pins.js';
export {
  absentPort,
  frameLimits,
  hasDevice,
  macBytes,
  NO_MAC,
  type NodeSettings,
  type NumberedPort,
  type PortDevice,
  portNumbers,
  withdrawPort,
  writeNode,
  writePort,
  writePorts,
} from './ports.js';
export type { Reasons, ReasonText } from './reasons.js';
export { Replica } from './replica/index.js';
export { checkKernel, checkPins, mountPins } from './requirements.js';
export { Role, type RoleWord } from './role.js';
export { Serial } from './serial.js';
export {
  describeSession,
  readSessions,
  type SessionStats,
  sessionStats,
  sweepSessions,
} from './sessions.js';
export { type Replacement, type Rules, Sets } from './sets.js';
export { SlotsExhaustedError } from './slots.js';
export { newRuleSlots } from './state-listing.js';
export { StatePasses } from './state-passes.js';
export type { EndSelection, StateSelection } from './state-selection.js';
export { phaseName, phaseNames, protocolName } from './states.js';
export { type LiveCounts, Sweeper } from './sweep.js';
export { type Taught, teachAddresses } from './teach.js';
export { writeTimeouts } from './timeouts.js';
export { carryFirstMembers } from './upgrade/first-members.js';
export type { OldPolicy, Upgrade, UpgradeReport } from './upgrade/upgrade.js';
