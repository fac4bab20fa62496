import process from 'node:process'

import { scrapfly } from '../scrapfly.ts'
import { runServer } from '../run-server.ts'

process.exitCode = await runServer(scrapfly)
