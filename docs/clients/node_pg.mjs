// A pg pool that follows the secret; see python_pool.py for what happens when.
import pg from "pg";

// refuses writes; its session was ended, also by a crash; it starts; its rights were taken
const MOVED = new Set([
  "25006", "57P01", "57P02", "57P03", "42501",
  "ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN",
]);
const PAUSE_MS = 50;

// pg reports a connection that ends within a query, or is not made in time, without a code
const hasMoved = (error) =>
  MOVED.has(error.code) || /^(Connection terminated|timeout exceeded)/.test(error.message);

const ignore = () => {}; // the next query of the client fails and is tried again

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
      const opening = (this.pool ??= this.open());
      let pool;
      try {
        pool = await opening;
        return await this.once(pool, transaction);
      } catch (error) {
        // a secret that cannot be read for a moment is read again, too
        if ((pool && !hasMoved(error)) || Date.now() > deadline) throw error;
        if (this.pool === opening) {
          this.pool = undefined;
          pool?.end().catch(() => {});
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  async open() {
    const pool = new pg.Pool(await this.readConfig());
    pool.on("error", ignore);
    return pool;
  }

  async once(pool, transaction) {
    const client = await pool.connect();
    // without a listener, a connection that is lost between two queries ends the whole process
    client.on("error", ignore);
    try {
      await client.query("begin");
      const result = await transaction(client);
      await client.query("commit");
      client.off("error", ignore);
      client.release();
      return result;
    } catch (error) {
      client.release(error); // closed, not returned: it may lead to the old side
      throw error;
    }
  }
}
