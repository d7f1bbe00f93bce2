export { ConfigError, type ConfigErrorCode, type ConfigPosition } from './errors.js';
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
