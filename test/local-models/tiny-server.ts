// A managed server for tests: node tiny-server.ts ADDRESS [HABIT…]
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'

const [address = '', ...habits] = process.argv.slice(2)

if (habits.includes('dies')) {
  process.stderr.write('reading the model\nno such model\n')
  process.exit(3)
}
if (habits.includes('stubborn')) process.on('SIGTERM', () => {})
const child = habits.includes('parent')
  ? spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  : undefined

createServer((request, response) => {
  if (request.url === '/crash') process.exit(1)
  if (request.url === '/health') response.statusCode = habits.includes('never-ready') ? 503 : 200
  response.end(JSON.stringify({ pid: process.pid, child: child?.pid, env: process.env }))
}).listen(/^\d+$/.test(address) ? { host: '127.0.0.1', port: Number(address) } : address)
