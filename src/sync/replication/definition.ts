/** The service as grpc-js wants it. */
import type { ProtoGrpcType } from '../../generated/proto/replication.js';
import { loadProto } from '../channel/definition.js';
import { changesCodec } from './codec.js';

export function replicationDefinition(): ProtoGrpcType['bridgewall']['v1'] {
  return loadProto<ProtoGrpcType>('bridgewall/v1/replication.proto', {
    'bridgewall.v1.Replication/Changes': changesCodec,
    'bridgewall.v1.Replication/Buckets': changesCodec,
  }).bridgewall.v1;
}
