// A broker that only runs a managed server, to be killed by a test: node tiny-broker.ts SOCKET [HABIT…]
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { createManagedServer } from '../../src/local-models/managed/managed-server.ts'

const [socketPath = '', ...habits] = process.argv.slice(2)
const server = createManagedServer({
  name: 'tiny',
  command: [process.execPath, join(import.meta.dirname, 'tiny-server.ts'), '{socket}', ...habits],
  address: { socketPath },
  clock: systemClock,
})
await server.ready()
console.log(server.state().pid)
