/** The reference model: what the policy means, and what becomes of a frame. */
export {
  type Connection,
  DEFAULT_TIMEOUTS,
  keyOfEnds,
  type Phase,
  type Timeouts,
} from './connection.js';
export type { Expected } from './expected.js';
export { type Frame, parseFrame } from './frame.js';
export { judgeDeny, judgeOpening, peersHold, screenedHost, type World } from './judge.js';
export type { PortFacts } from './mirror.js';
export type { Offence } from './offenders.js';
export type { Outcome, Reason, WallNode } from './outcome.js';
export type { Packet } from './packet.js';
export { type Segment, TcpConversation } from './tcp-conversation.js';
export { Wall } from './wall.js';
