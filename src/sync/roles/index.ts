export {
  type Announcement,
  outranks,
  PATHS,
  type Path,
  type Rank,
  SEGMENTS,
  type Segment,
} from './announcement.js';
export { type KeeperDeps, type RoleChange, RoleKeeper, type RoleStatus } from './keeper.js';
export {
  type Decision,
  RoleMachine,
  type RoleOrder,
  RoleRefusal,
  type RoleSettings,
  type RoleState,
} from './machine.js';
export { LOST_MS, type PathView, PROBE_MS, type View } from './view.js';
