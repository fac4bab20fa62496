import process from 'node:process'
import { servers } from './index.ts'
import { runServer } from './run-server.ts'

/** The program behind every `bin/mcp_*.js`: the first argument names the server, the rest are its options. */
const [name = '', ...args] = process.argv.slice(2)
const load = servers[name]
if (load === undefined) throw new Error(`no bundled MCP server is named “${name}”`)
process.exitCode = await runServer(await load(), args)
