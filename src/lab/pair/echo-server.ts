/** Echoes what it is told: TCP at port 80, UDP at port 7. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const tcp = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
tcp.listen({ port: 80, host: '0.0.0.0', backlog: 4096 }, () => process.stdout.write('listens\n'));
const udp = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
udp.on('message', (message, { port, address }) => udp.send(message, port, address));
udp.bind(7);
