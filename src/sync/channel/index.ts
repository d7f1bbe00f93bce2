export { Certificates } from './certificates.js';
export { loadProto, peerDefinition, type ResponseCodec } from './definition.js';
export { ChannelError } from './errors.js';
export { commonFormat, FORMATS, helloHandlers, ownIdentity, type PeerIdentity } from './hello.js';
export { PeerChannel, type PeerChannelOptions, type PeerState } from './peer-channel.js';
export { type RefusalReason, Refusals } from './refusals.js';
export { SecureServer, type SecureServerOptions, type ServiceOptions } from './server.js';
