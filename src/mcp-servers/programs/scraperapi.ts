import process from 'node:process'

import { scraperapi } from '../scraperapi.ts'
import { runServer } from '../run-server.ts'

process.exitCode = await runServer(scraperapi)
