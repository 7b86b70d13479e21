// Loaded before Allure: a report of somebody's database is made without a single connection.
import net from "node:net";

net.Socket.prototype.connect = () => {
  throw new Error("pgcutover: the report generator tried to open a network connection");
};
