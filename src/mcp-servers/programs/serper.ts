import process from 'node:process'

import { serper } from '../serper.ts'
import { runServer } from '../run-server.ts'

process.exitCode = await runServer(serper)
