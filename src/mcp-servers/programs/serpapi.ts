import process from 'node:process'

import { serpapi } from '../serpapi.ts'
import { runServer } from '../run-server.ts'

process.exitCode = await runServer(serpapi)
