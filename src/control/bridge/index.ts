export { type BridgeSurvey, checkBridge, type LinkFacts, surveyLinks } from './check.js';
export { driverOf, keepVlanTags } from './driver.js';
export { BridgeError, type BridgeErrorCode, type BridgeProblem } from './errors.js';
export {
  type Link,
  type LinkAddress,
  LinkFlag,
  type PortNotice,
  type PortState,
} from './link-codec.js';
export { type LinkListener, LinkWatch } from './link-watch.js';
export { Links } from './links.js';
export { type Mended, mendBridge } from './mend.js';
export { joinPorts, type PreparedBridge, prepareBridge, releaseBridge } from './prepare.js';
export { dropIdleClsact } from './qdisc.js';
export {
  hasSideBridge,
  raiseSideBridge,
  removeSideBridge,
  type SideBridge,
  type SideNames,
  sideNames,
} from './side-bridge.js';
export { disableBridgeNetfilter, disableIpv6 } from './sysctl.js';
export { XdpFeatureReader, type XdpFeatures } from './xdp-features.js';
