import { connect, createServer, type AddressInfo } from 'node:net'

/** Forwards a port of this machine to a Unix socket, for programs that accept only URLs. */
export async function portTo(socketPath: string) {
  const server = createServer((client) => {
    const socket = connect(socketPath)
    client.pipe(socket).pipe(client)
    client.on('error', () => socket.destroy())
    socket.on('error', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://localhost:${port}`, [Symbol.dispose]: () => void server.close() }
}
