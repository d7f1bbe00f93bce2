/** The service as grpc-js wants it. */
import type { ProtoGrpcType } from '../../generated/proto/shared.js';
import { loadProto } from '../channel/definition.js';

/** The format of messages. */
export const FORMAT = 1;

export function sharedDefinition(): ProtoGrpcType['bridgewall']['v1'] {
  return loadProto<ProtoGrpcType>('bridgewall/v1/shared.proto').bridgewall.v1;
}
