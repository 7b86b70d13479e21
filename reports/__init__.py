"""From results to a sign-off: HTML report and Allure."""
