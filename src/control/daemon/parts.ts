/** The parts that a running node is made of, as the start sequence hands them to the service. */
import type { Logger } from 'pino';
import type { Links } from '../bridge/index.js';
import type { NodeConfig } from '../config/index.js';
import type {
  Dataplane,
  ModeReason,
  NumberedPort,
  Sets,
  StatePasses,
  Sweeper,
} from '../dataplane/index.js';
import type { Alarm, SyncStatus } from '../service.js';
import type { EventBus } from './event-bus.js';
import type { LogFeed } from './log-feed.js';
import type { Pair } from './pair.js';
import type { Policies } from './policies.js';
import type { Room } from './room.js';
import type { SessionFeed } from './session-feed.js';
import type { StateCutter } from './state-cutter.js';

export interface WallParts {
  readonly config: NodeConfig;
  readonly log: Logger;
  readonly links: Links;
  readonly dataplane: Dataplane;
  readonly ports: readonly NumberedPort[];
  readonly mode: ModeReason;
  readonly policies: Policies;
  readonly sets: Sets;
  readonly sweeper: Sweeper;
  readonly room: Room;
  readonly passes: StatePasses;
  readonly cutter: StateCutter;
  readonly logFeed: LogFeed;
  readonly sessions: SessionFeed;
  readonly events: EventBus;
  /** Null: the node is alone. */
  readonly pair: Pair | null;
  /** How well the pair replicates; null: the node is alone. */
  readonly sync: { readonly status: SyncStatus; readonly alarms: readonly Alarm[] } | null;
}
