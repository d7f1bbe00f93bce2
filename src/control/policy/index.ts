/** The policy: text to syntax tree to plan. Pure, no I/O. The reference model is in `model/`. */
export {
  addressKey,
  familyOf,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixHolds,
  readAddress,
  readPrefix,
} from './address.js';
export type {
  DenyStatement,
  HostLine,
  NameUse,
  PairLine,
  Peers,
  Policy,
  PolicyGroup,
  PolicyHost,
  ResolvedNames,
} from './ast.js';
export { type Binding, type Vlan, vlansMeet, vlanText } from './bindings.js';
export { serviceCode } from './codes.js';
export { type CompileOptions, compile, DEFAULT_LIMITS, type Limits } from './compile.js';
export { detourText, HELPERS } from './detour.js';
export {
  type BindingDifference,
  diffBindings,
  differences,
  diffLimits,
  diffRules,
  type LimitDifference,
  type RuleDifference,
} from './diff.js';
export { formatPosition, PolicyError, type PolicyErrorCode } from './errors.js';
export { judgePlan, PlanEvaluator } from './evaluate.js';
export { isLimit, type Limit, limitText } from './limits.js';
export { type MatrixColumns, MatrixTable } from './matrix-table.js';
export { type Judgement, type Members, NO_MEMBERS, type Opening } from './opening.js';
export { parsePolicy } from './parse.js';
export type * from './plan.js';
export { PEER_ANY } from './plan.js';
export { type PacketClass, packetClasses } from './reach/classes.js';
export { optionsText } from './rule-id.js';
export { type RuleColumns, RuleTable } from './rule-table.js';
export { neverSource } from './sources.js';
