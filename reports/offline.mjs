// Loaded before Allure: the report is generated without any network connection.
import net from "node:net";

net.Socket.prototype.connect = () => {
  throw new Error("pgcutover: the report generator tried to open a network connection");
};
