/** What both nodes of a pair are to have besides connections. */
export { sharedDefinition } from './definition.js';
export { MemberFollower } from './member-follower.js';
export {
  compareOrigins,
  contentHash,
  OriginClock,
  type PolicyContent,
  type PolicyOrigin,
} from './origin.js';
export type { ReceivedPolicy, SharedPolicies, SharedPolicy, Taken } from './policy.js';
export { PolicyFollower } from './policy-follower.js';
export type { Refusal, Standing } from './policy-messages.js';
export type { MemberChange, SharedSets } from './sets.js';
export { SharedSink } from './sink.js';
export { SharedSource } from './source.js';
