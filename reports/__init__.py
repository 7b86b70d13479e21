"""Reports of a run, made from verdict.json: sign-off page and Allure."""
