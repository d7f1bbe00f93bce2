/** The service as grpc-js wants it. */
import type { ProtoGrpcType } from '../../generated/proto/replication.js';
import { loadProto } from '../channel/definition.js';

export function replicationDefinition(): ProtoGrpcType['bridgewall']['v1'] {
  return loadProto<ProtoGrpcType>('bridgewall/v1/replication.proto').bridgewall.v1;
}
