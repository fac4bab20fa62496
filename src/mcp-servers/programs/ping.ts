import process from 'node:process'

import { ping } from '../ping.ts'
import { runServer } from '../run-server.ts'

process.exitCode = await runServer(ping)
