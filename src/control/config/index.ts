export type { ApiConfig, TlsConfig } from './api.js';
export { type Endpoint, formatEndpoint } from './endpoint.js';
export { ConfigError, type ConfigErrorCode, type ConfigPosition } from './errors.js';
export type { HaConfig, PeerConfig } from './ha.js';
export {
  type AttachMode,
  loadNodeConfig,
  type NodeConfig,
  type PortConfig,
  parseNodeConfig,
  type ReservedAction,
  type ReservedConfig,
  type Side,
} from './node-config.js';
export { DEFAULT_TIMEOUTS, type StateTimeouts, type TimeoutName } from './timeouts.js';
