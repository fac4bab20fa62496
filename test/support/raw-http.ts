import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** An HTTP response parsed from the bytes of a socket. */
export interface RawResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Sends bytes as they are and reads until the server closes; `undefined` when it sent nothing. */
export async function sendRaw(where: NetConnectOpts, bytes: string): Promise<RawResponse | undefined> {
  const socket = connect(where)
  socket.write(bytes)
  return parseResponse(await readToEnd(socket))
}

/** Reads until the other side closes or resets the connection. */
export async function readToEnd(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  socket.on('error', () => {})
  socket.on('close', () => resolve(Buffer.concat(pieces).toString()))
  return await promise
}

function parseResponse(text: string): RawResponse | undefined {
  if (text === '') return undefined
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  const [statusLine = '', ...lines] = head.split('\r\n')
  const pairs = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(statusLine.split(' ')[1]), headers: new Map(pairs), body }
}
