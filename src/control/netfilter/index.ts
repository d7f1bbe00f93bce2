export { decodeFrame, type FrameFacts, ipv6Text, type OutOfBandTag } from './decode.js';
export {
  NflogError,
  type NflogErrorCode,
  type NflogListener,
  NflogReader,
} from './nflog.js';
export type { NflogRecord } from './nflog-codec.js';
export {
  NftError,
  type NftErrorCode,
  type TableCounters,
  type TableMemory,
  WallTable,
} from './nft.js';
export { Ruleset, type RulesetListener, RulesetWatch } from './ruleset.js';
export { DetourMark, type SideSpec, SideTable, sideTableName } from './side-table.js';
export { logPrefix, Mark, renderRemoval, renderTable, type TableSpec, tableName } from './table.js';
export { type StandingWall, standingWalls } from './walls.js';
