export { Attributes, AttributeWriter, align } from './attributes.js';
export {
  Family,
  NetlinkConnection,
  NetlinkError,
  type NetlinkListener,
  type NetlinkMessage,
  type RequestOptions,
} from './connection.js';
