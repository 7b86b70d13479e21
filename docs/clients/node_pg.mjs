// A pg pool that follows the secret; see python_pool.py for what happens when.
import pg from "pg";

const MOVED = new Set(["25006", "57P01", "42501", "ECONNREFUSED", "ECONNRESET"]);
const PAUSE_MS = 50;

export class FollowingPool {
  // readConfig(): read the secret; return { connectionString, ssl: { ca, rejectUnauthorized: true } }
  constructor(readConfig, patienceMs = 30_000) {
    this.readConfig = readConfig;
    this.patienceMs = patienceMs;
  }

  // Run a transaction; it may run twice if the connection was lost during its commit.
  async run(transaction) {
    const deadline = Date.now() + this.patienceMs;
    for (;;) {
      const pool = (this.pool ??= this.open());
      try {
        return await this.once(await pool, transaction);
      } catch (error) {
        if (!MOVED.has(error.code) || Date.now() > deadline) throw error;
        if (this.pool === pool) {
          this.pool = undefined;
          pool.then((old) => old.end()).catch(() => {});
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  async open() {
    const pool = new pg.Pool(await this.readConfig());
    pool.on("error", () => {}); // an idle client that was ended; the next query reports it
    return pool;
  }

  async once(pool, transaction) {
    const client = await pool.connect();
    try {
      await client.query("begin");
      const result = await transaction(client);
      await client.query("commit");
      client.release();
      return result;
    } catch (error) {
      client.release(error); // closed, not returned: it may lead to the old side
      throw error;
    }
  }
}
